"""The pages that people read: an overview of all sites, and one page for each alert."""
