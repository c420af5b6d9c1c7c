"""Each face speaks one documented JSON dialect: schemas, a table of routes with thin handlers, and rendering."""
