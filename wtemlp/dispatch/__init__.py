"""Tasks in, results out; the only importer of dpdispatcher."""
