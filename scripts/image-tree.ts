/*
 * What an image of PayFlow contains: `node scripts/image-tree.ts services/wallet FOLDER` puts one
 * process, the packages of this repository that it uses, and what they need from npm into FOLDER,
 * and nothing else: no tests, no development tools, no other process.
 *
 * The tree keeps the shape of the repository, because Node runs TypeScript only outside of
 * `node_modules`; `pnpm deploy` would put our packages there. So an image runs the very files that
 * the tests run. The Dockerfile calls this in its build stage.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const PAYFLOW = join(ROOT, 'examples/payflow')

/** Not needed to run: tests, texts, and what the build of a published package makes. */
const LEFT_OUT = new Set(['node_modules', 'dist', 'test', 'examples', 'api', 'docs', 'bench'])

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** The folders of all packages of this repository, by the name of the package. */
function packageFolders(): Map<string, string> {
  const parents = ['packages', 'examples/payflow', 'examples/payflow/services']
  const folders = parents.flatMap((parent) =>
    readdirSync(join(ROOT, parent)).map((name) => join(ROOT, parent, name)),
  )
  const packages = folders.filter((folder) => existsSync(join(folder, 'package.json')))
  return new Map(packages.map((folder) => [manifestOf(folder).name, folder]))
}

/** A package and all of ours that it needs to run, each once. */
function withDependencies(start: string, folders: ReadonlyMap<string, string>): string[] {
  const found = new Set([start])
  for (const folder of found) {
    for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) {
      const dependency = folders.get(name)
      if (dependency !== undefined) found.add(dependency)
    }
  }
  return [...found]
}

function copyPackage(folder: string, target: string): void {
  mkdirSync(target, { recursive: true })
  for (const name of readdirSync(folder)) {
    if (LEFT_OUT.has(name) || name.endsWith('.md')) continue
    cpSync(join(folder, name), join(target, name), { recursive: true })
  }
}

function pnpm(cwd: string, ...args: string[]): void {
  execFileSync('pnpm', args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
}

/** The page is served by the gateway, from beside it. */
function buildWebPage(target: string): void {
  const web = join(PAYFLOW, 'web')
  if (!existsSync(join(web, 'node_modules'))) {
    pnpm(
      ROOT,
      'install',
      '--prefer-offline',
      '--frozen-lockfile',
      '--filter',
      '@payflow-app/web...',
    )
  }
  const out = join(target, 'examples/payflow/web/dist')
  pnpm(web, 'exec', 'vite', 'build', '--logLevel', 'warn', '--emptyOutDir', '--outDir', out)
}

const [service, folder] = process.argv.slice(2)
if (service === undefined || folder === undefined) {
  console.error('usage: node scripts/image-tree.ts SERVICE FOLDER   (SERVICE: services/wallet, …)')
  process.exit(2)
}
const source = join(PAYFLOW, service)
if (!existsSync(join(source, 'package.json')) || relative(PAYFLOW, source).startsWith('..')) {
  console.error(`${service} is no process: there is no examples/payflow/${service}/package.json`)
  process.exit(2)
}
mkdirSync(folder, { recursive: true })
const target = realpathSync(folder)
for (const name of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'LICENSE']) {
  cpSync(join(ROOT, name), join(target, name))
}
for (const each of withDependencies(source, packageFolders())) {
  copyPackage(each, join(target, relative(ROOT, each)))
}
// Hoisted, because our packages take kysely and amqplib from whoever uses them (peer dependencies).
const layout = '--config.shamefully-hoist=true'
pnpm(
  target,
  'install',
  '--prod',
  '--prefer-offline',
  '--frozen-lockfile',
  '--ignore-scripts',
  layout,
)
if (service === 'gateway') buildWebPage(target)
