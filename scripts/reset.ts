/*
 * `npm run reset`: forgets the data, logs and secrets of `npm start`.
 */
import { existsSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { folderHolder } from '@payflow-app/stack'

const dir = resolve(import.meta.dirname, '../.payflow')
const holder = folderHolder(dir)
if (holder !== undefined) {
  console.error(`PayFlow is running (process ${holder}). Stop it with Ctrl-C there first.`)
  process.exit(1)
}
const there = existsSync(dir)
rmSync(dir, { recursive: true, force: true })
console.log(
  there ? 'forgot everything; the next npm start begins anew' : 'there was nothing to forget',
)
