// Sends each message back to the parent.
process.on('message', (message) => process.send(message));
