/*
 * One contender before one route, in a process of its own. Tells its parent how often the handler
 * ran and how much processor time it has used.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { contender } from '../contenders/all.ts'

const { CONTENDER = '', REDIS_URL = '', BODY_BYTES = '300' } = process.env

let executions = 0
const filling = 'x'.repeat(Math.max(0, Number(BODY_BYTES) - 80))
const app = express()
app.use(express.json())
const protection = await contender(CONTENDER).protect(app, { redisUrl: REDIS_URL })
const handler: express.RequestHandler = (req, res) => {
  executions += 1
  const { amount, to } = req.body as { amount: number; to: string }
  res.status(201).json({ id: `payment-${executions}`, amount, to, status: 'accepted', filling })
}
app.post('/payments', ...protection.route('/payments', handler))

const server = app.listen(0, '127.0.0.1')
// A contestant's connections wait for their turn while the others are measured.
server.keepAliveTimeout = 0
await once(server, 'listening')
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ executions, cpuMicros: user + system })
})
process.once('SIGINT', () => process.exit(0))
process.send?.({ port: (server.address() as AddressInfo).port })
