"""What the DAG files share: how our errors become Airflow's, and the names of our assets. Not a DAG."""
