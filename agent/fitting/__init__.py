"""From training rows to a profile. Needs the extra ``fit``; the running agent never imports it."""
