"""Why a test failed: calls made again, and held against the catalogue of mistakes."""
