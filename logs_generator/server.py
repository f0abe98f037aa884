"""`python -m logs_generator.server` is `./sl.py serve`; `uvicorn logs_generator.server:app` serves the same."""

if __name__ == "__main__":
    from logs_generator.__main__ import become

    become("serve")
else:
    from generator.logs.server.run import application

    app = application()
