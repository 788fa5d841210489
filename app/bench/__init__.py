"""How fast this service does its work, measured on the machine at hand."""
