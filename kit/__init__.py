"""What every service and the gateway share. The kit knows no service."""
