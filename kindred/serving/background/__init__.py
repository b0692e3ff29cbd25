"""What runs beside the answers until the service ends: writes applied, versions followed, memory given back."""
