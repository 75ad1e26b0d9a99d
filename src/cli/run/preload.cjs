// For Node.js that cannot use a proxy by itself (before 22.21, 23, and 24 before 24.5): http, https and fetch go
// through that of HTTPS_PROXY. `sniff run` loads it; it needs no package and does nothing where Node.js can.
'use strict';
(() => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21)) return;
  let proxy;
  try {
    proxy = new URL(process.env.HTTPS_PROXY);
  } catch {
    return;
  }
  const http = require('node:http');
  const https = require('node:https');
  const net = require('node:net');
  const tls = require('node:tls');
  const words = [proxy.username, proxy.password].map(decodeURIComponent).join(':');
  const credentials = proxy.username ? `Proxy-Authorization: Basic ${Buffer.from(words).toString('base64')}\r\n` : '';

  // A tunnel to this server (CONNECT), and what follows the answer's head.
  function tunnel(host, port, done) {
    const name = net.isIPv6(host) ? `[${host}]` : host;
    const socket = net.connect({ host: proxy.hostname, port: Number(proxy.port) });
    let head = Buffer.alloc(0);
    const finish = (error) => {
      socket.removeListener('data', read);
      socket.removeListener('error', finish);
      socket.removeListener('end', ended);
      if (error) socket.destroy();
      done(error, socket);
    };
    const ended = () => finish(new Error(`the proxy closed the connection to ${name}:${port}`));
    const read = (bytes) => {
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const line = head.subarray(0, head.indexOf('\r\n')).toString('latin1');
      if (!/^HTTP\/1\.[01] 200 /.test(line)) return finish(new Error(`cannot reach ${name}:${port}: ${line}`));
      socket.pause();
      if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
      finish(null);
    };
    socket.setNoDelay(true);
    socket.on('error', finish);
    socket.on('end', ended);
    socket.on('data', read);
    socket.write(`CONNECT ${name}:${port} HTTP/1.1\r\nHost: ${name}:${port}\r\n${credentials}\r\n`);
  }

  // A package that uses the proxy by itself connects to it directly.
  const isProxy = (options) => options.host === proxy.hostname && String(options.port) === proxy.port;

  // All agents inherit this, those of packages too.
  const direct = http.Agent.prototype.createConnection;
  http.Agent.prototype.createConnection = function createConnection(options, done) {
    if (options.socketPath || !done || isProxy(options)) return direct.call(this, options, done);
    tunnel(options.host || 'localhost', options.port || 80, (error, socket) => {
      if (!error) socket.resume();
      done(error, socket);
    });
  };
  const secure = https.Agent.prototype.createConnection;
  https.Agent.prototype.createConnection = function createConnection(options, done) {
    if (options.socketPath || options.socket || !done || isProxy(options)) return secure.call(this, options, done);
    tunnel(options.host || 'localhost', options.port || 443, (error, socket) => {
      if (error) return done(error);
      done(null, tls.connect({ ...options, path: undefined, socket }));
    });
  };

  // fetch: the package inside Node.js has no import, but its dispatcher is in a global variable, and the class of that
  // takes a function that connects.
  void globalThis.Response; // it is made with the first use
  const place = Symbol.for('undici.globalDispatcher.1');
  const Agent = globalThis[place]?.constructor;
  if (Agent?.name !== 'Agent') return;
  const connect = (options, done) => {
    const isTls = options.protocol === 'https:';
    const host = options.hostname.replace(/^\[|\]$/g, '');
    tunnel(host, options.port || (isTls ? 443 : 80), (error, socket) => {
      if (error) return done(error, null);
      if (!isTls) {
        socket.resume();
        return done(null, socket);
      }
      const servername = options.servername || (net.isIP(host) ? undefined : host);
      const own = tls.connect({ socket, host, servername, ALPNProtocols: ['http/1.1'] });
      own.once('error', (e) => done(e, null));
      own.once('secureConnect', () => done(null, own));
    });
  };
  globalThis[place] = new Agent({ connect });
})();
