"""One file for each step, called ``vNNNN_what_is_new.py``. A step that has been released is never changed."""
