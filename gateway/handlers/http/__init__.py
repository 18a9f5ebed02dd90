"""What every page of HTTP uses: operations, requests, responses, problems."""
