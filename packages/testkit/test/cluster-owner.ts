// Starts a cluster and tells what there is of it; the test then kills this process.
import { networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import { processTree, startRabbitCluster } from '../src/index.ts'

const cluster = await startRabbitCluster({ nodes: 1 })
const [node] = cluster.nodes
process.send?.({
  pids: processTree(process.pid).filter((pid) => pid !== process.pid),
  folder: dirname(node?.log ?? ''),
  interfaces: Object.keys(networkInterfaces()).filter((name) => name.startsWith('pf')),
})
process.on('message', () => undefined)
