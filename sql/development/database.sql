-- Creates the database of a development cluster.
create database rowkeep
