/*
 * `npm run reset`: forgets the data, logs and secrets of `npm start`.
 */
import { existsSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { folderHolder } from '@payflow-app/stack'
import { dataFolder } from './lib/data-folder.ts'

const dir = dataFolder()
const holder = folderHolder(dir)
if (holder !== undefined) {
  console.error(`PayFlow is running (process ${holder}). Stop it with Ctrl-C there first.`)
  process.exit(1)
}
const there = existsSync(dir)
// In a checkout that only root may enter, PostgreSQL's data are elsewhere, behind a link.
const postgres = join(dir, 'postgres')
if (existsSync(postgres)) rmSync(realpathSync(postgres), { recursive: true, force: true })
rmSync(dir, { recursive: true, force: true })
console.log(
  there ? 'forgot everything; the next npm start begins anew' : 'there was nothing to forget',
)
