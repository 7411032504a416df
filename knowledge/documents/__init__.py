"""From files and pages to passages: one module a format, and the splitter."""
