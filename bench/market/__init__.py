"""The market under load: lists and searches over many tasks, deals from post to payment, a thousand live streams."""
