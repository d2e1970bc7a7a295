"""HTTP and WebSocket: FastAPI on uvicorn, and what guards the door."""
