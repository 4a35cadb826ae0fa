"""Text out of files: PDF, DOCX, XLSX, PPTX, HTML, CSV, Markdown, images; parsers in processes with limits."""
