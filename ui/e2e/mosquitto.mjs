// A real Mosquitto on a free port of this computer, for stories about external brokers.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const program = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto'].find(existsSync);
export const hasMosquitto = program !== undefined;

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function isReady(port) {
  for (let i = 0; i < 100; i++) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => socket.destroy());
      setTimeout(() => socket.destroy(), 500);
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('mosquitto did not start');
}

/** Starts one that wants `user` and `password`; answers its port, a way to publish, and its end. */
export async function startMosquitto(user, password) {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-page-'));
  const port = await freePort();
  const passwords = join(folder, 'passwords');
  writeFileSync(passwords, '', { mode: 0o600 });
  execFileSync('mosquitto_passwd', ['-b', passwords, user, password], { stdio: 'ignore' });
  const settings = join(folder, 'mosquitto.conf');
  writeFileSync(
    settings,
    [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous false',
      `password_file ${passwords}`,
      // Started by root it would become a user that cannot read its passwords.
      `user ${userInfo().username}`,
      '',
    ].join('\n'),
  );
  const child = spawn(program, ['-c', settings], { stdio: 'ignore' });
  await isReady(port);
  const login = ['-h', '127.0.0.1', '-p', String(port), '-u', user, '-P', password];
  return {
    port,
    publish: (topic, text) =>
      execFileSync('mosquitto_pub', [...login, '-q', '1', '-t', topic, '-m', text]),
    stop: () => {
      child.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
