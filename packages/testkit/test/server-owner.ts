// Starts servers and a child and then does nothing, for the guardian test to kill it.
import { dirname } from 'node:path'
import { processTree, spawnOwned, startPostgres, startRedis } from '../src/index.ts'

const servers = await Promise.all([startPostgres(), startRedis()])
// A child that ignores polite requests.
const stubborn = await spawnOwned('/bin/sh', {
  args: ['-c', "trap '' TERM INT HUP QUIT; while :; do sleep 1; done"],
  stdio: 'ignore',
  lastSignal: 'TERM',
})
process.send?.({
  pids: [...servers.flatMap((server) => processTree(server.pid)), stubborn.pid],
  folders: servers.map((server) => dirname(server.log)),
})
