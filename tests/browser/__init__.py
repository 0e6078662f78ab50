"""The pages in a real browser, headless Chromium, on a whole Notifier in one process."""
