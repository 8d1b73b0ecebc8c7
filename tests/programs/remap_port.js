// A server with its port in its source, on `::` for both families; ends once it listens, and prints the port that it has.
const server = require('http').createServer();
server.listen(3000, () => {
    console.log(server.address().port);
    server.close();
});
