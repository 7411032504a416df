"""From files and pages to passages: one loader a format (plain functions from bytes to `Loaded`), and the splitter."""
