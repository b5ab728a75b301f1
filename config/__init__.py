"""What a user writes: settings, attribute mapping, the model and its presets, loaded with errors that name the line."""
