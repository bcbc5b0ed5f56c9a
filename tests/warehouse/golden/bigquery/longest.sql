select max(length(`e mail`) + length(regexp_replace(`e mail`, r'[^\x{10000}-\x{10FFFF}]', ''))), max(length(`note`) + length(regexp_replace(`note`, r'[^\x{10000}-\x{10FFFF}]', '')))
from `d`.`s`.`c`
