"""The command line: click only, calling what `import asc` offers."""
