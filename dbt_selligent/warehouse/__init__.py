"""The engine room: where models are read and SQL is run; the only room that imports dbt."""
