"""The service: the engine behind HTTP. `app.create_app` makes the application, `serve.serve` runs it."""
