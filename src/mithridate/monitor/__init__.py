"""What a run tells those who watch it: metrics, alerts, a dashboard and structured logs, all read from the journal's events."""
