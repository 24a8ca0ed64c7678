import { connect } from 'node:net';

/** Sends a request byte for byte as it is written, and answers everything that came back. */
export function rawRequest(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(request));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('close', () => resolve(answer));
    // Whoever closes a connection without having read everything resets it, answered or not.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
  });
}
