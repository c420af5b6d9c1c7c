"""Who answers: endpoints that speak the protocol of OpenAI, the built-in mock, and a model that runs here."""
