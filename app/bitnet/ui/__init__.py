"""What the page shows: state -> view -> patches. Only ``patches`` knows that there is a browser."""
