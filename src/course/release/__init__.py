"""From a master to what students get."""
