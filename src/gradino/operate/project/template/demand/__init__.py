"""What will be asked for in the next hour? A small working project to replace with your own, file by file."""
