"""The stages of the loop; the same verbs in each: prepare, run through the dispatcher, collect."""
