"""Stages of the ingestion and the delivery protocol: plain functions and small classes, no Faust."""
