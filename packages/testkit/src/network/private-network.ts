import { execFile } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import { spawnOwned } from '../processes/owned-process.ts'
import type { OwnedProcess } from '../processes/owned-process.ts'
import { signalAll } from '../processes/process-tree.ts'
import { waitFor } from '../wait-for.ts'

const run = promisify(execFile)

/** A machine of its own as far as the network can tell. */
export interface NetworkHost {
  readonly address: string
  /** Goes before a command to run it there: `[...prefix, 'redis-server']`. */
  readonly prefix: readonly string[]
  /** Pulls the cable: nothing passes in either direction, and no connection is told. */
  unplug(): Promise<void>
  plug(): Promise<void>
}

/**
 * Hosts in network namespaces, joined by a switch that this process is connected to as well.
 *
 * The namespaces have no names: each lives as long as the process that holds it, and the guardian ends
 * those with this process. What is configured in them goes with them, so nothing can be left behind.
 */
export class PrivateNetwork implements AsyncDisposable {
  readonly hosts: readonly NetworkHost[]
  readonly #holders: readonly OwnedProcess[]

  private constructor(hosts: readonly NetworkHost[], holders: readonly OwnedProcess[]) {
    this.hosts = hosts
    this.#holders = holders
  }

  /**
   * Makes a network of `count` hosts, 1–200; undefined where this process may not: it takes Linux, root
   * with the right to administer networks, and the programs `ip`, `unshare` and `nsenter`.
   */
  static async make(count: number): Promise<PrivateNetwork | undefined> {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
    const holders: OwnedProcess[] = []
    try {
      for (let at = 0; at <= count; at += 1) holders.push(await holdNamespace())
      const [hub, ...others] = holders
      const subnet = freeSubnet()
      await makeSwitch((hub as OwnedProcess).pid, `${subnet}.254`)
      const hosts = await Promise.all(
        others.map((holder, at) =>
          connectHost((hub as OwnedProcess).pid, holder.pid, `${subnet}.${at + 1}`, `port${at}`),
        ),
      )
      return new PrivateNetwork(hosts, holders)
    } catch {
      await endAll(holders)
      return undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAll(this.#holders)
  }
}

/** A process that does nothing but keep a network namespace in existence. */
async function holdNamespace(): Promise<OwnedProcess> {
  const holder = await spawnOwned('unshare', {
    args: ['--net', 'sleep', 'infinity'],
    cwd: '/',
    stdio: 'ignore',
  })
  const ours = readlinkSync('/proc/self/ns/net')
  let ended = false
  void holder.exited.then(() => (ended = true))
  // Until it has left it, it is in our own namespace, which must not be touched.
  await waitFor(() => ended || readlinkSync(`/proc/${holder.pid}/ns/net`) !== ours, {
    message: 'a network namespace',
  })
  if (ended) throw new Error('a network namespace may not be made')
  return holder
}

async function endAll(holders: readonly OwnedProcess[]): Promise<void> {
  signalAll(
    holders.map(({ pid }) => pid),
    'SIGKILL',
  )
  await Promise.all(holders.map(({ exited }) => exited))
}

async function makeSwitch(hub: number, ourAddress: string): Promise<void> {
  const uplink = `pf${randomBytes(5).toString('hex')}`
  await inside(hub, 'link', 'add', 'switch', 'type', 'bridge')
  await inside(hub, 'link', 'set', 'switch', 'up')
  await run('ip', [
    'link',
    'add',
    uplink,
    'type',
    'veth',
    'peer',
    'name',
    'uplink',
    'netns',
    `${hub}`,
  ])
  await inside(hub, 'link', 'set', 'uplink', 'master', 'switch', 'up')
  await run('ip', ['address', 'add', `${ourAddress}/24`, 'dev', uplink])
  await run('ip', ['link', 'set', uplink, 'up'])
}

async function connectHost(
  hub: number,
  holder: number,
  address: string,
  port: string,
): Promise<NetworkHost> {
  const peer = ['peer', 'name', 'eth0', 'netns', `${holder}`]
  await inside(hub, 'link', 'add', port, 'type', 'veth', ...peer)
  await inside(hub, 'link', 'set', port, 'master', 'switch', 'up')
  await inside(holder, 'link', 'set', 'lo', 'up')
  await inside(holder, 'address', 'add', `${address}/24`, 'dev', 'eth0')
  await inside(holder, 'link', 'set', 'eth0', 'up')
  return {
    address,
    prefix: ['nsenter', '-t', `${holder}`, '-n', '--'],
    unplug: () => inside(hub, 'link', 'set', port, 'down'),
    plug: () => inside(hub, 'link', 'set', port, 'up'),
  }
}

/** Runs `ip` in the namespace of a process. */
async function inside(pid: number, ...args: readonly string[]): Promise<void> {
  await run('nsenter', ['-t', `${pid}`, '-n', '--', 'ip', ...args])
}

/** Three bytes of a private network that none of our interfaces is in. */
function freeSubnet(): string {
  const taken = Object.values(networkInterfaces())
    .flat()
    .map((address) => address?.address ?? '')
  for (;;) {
    const subnet = `10.${randomInt(200, 250)}.${randomInt(0, 256)}`
    if (!taken.some((address) => address.startsWith(`${subnet}.`))) return subnet
  }
}
