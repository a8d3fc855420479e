"""Why a test failed: its calls are repeated and compared with the catalogue of mistakes."""
