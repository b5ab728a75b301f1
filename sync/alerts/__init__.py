"""Who is told when runs fail, stay away or stand still, and when somebody becomes hot."""
