import { PROCESS_PORTS } from '@payflow-app/contracts/arrows'
import { environmentFaults } from '../processes.ts'
import { durationMs, type ComposeFile, type ComposeService } from './compose-file.ts'

/** Says what is wrong, one sentence each. */
export type ComposePolicy = (file: ComposeFile, text: string) => string[]

const entries = (file: ComposeFile) => Object.entries(file.services)
const ours = (file: ComposeFile) => entries(file).filter(([, { build }]) => build !== undefined)

function each(
  services: readonly [string, ComposeService][],
  faultOf: (service: ComposeService, name: string) => string | undefined,
): string[] {
  return services.flatMap(([name, service]) => {
    const fault = faultOf(service, name)
    return fault === undefined ? [] : [`${name} ${fault}`]
  })
}

/** What people open in a browser: the page, the mails of the sink, figures and logs. */
const FOR_PEOPLE: Readonly<Record<string, number>> = {
  gateway: PROCESS_PORTS.gateway,
  mail: 3007,
  prometheus: 9090,
  grafana: 3009,
}

const MONITORING: readonly string[] = ['prometheus', 'loki', 'alloy', 'grafana']

/** A tag that says which version, and not one that moves. */
export function isPinned(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image) || /:v?\d+\.\d+(\.\d+)?(-[\w.-]+)?$/.test(image)
}

/** What must hold of the Compose file, by name. */
export const composePolicies: Readonly<Record<string, ComposePolicy>> = {
  'pins every image by version': (file) =>
    each(entries(file), ({ image }) => (isPinned(image) ? undefined : `runs ${image}`)),

  'asks no registry for what is built here, and builds what is ours': (file) =>
    each(entries(file), ({ image, build, pull_policy: policy }) => {
      if (build === undefined) return image.startsWith('payflow/') ? 'is not built' : undefined
      // Otherwise Compose asks Docker Hub first, where the name is anybody's.
      return policy === 'build' ? undefined : `may run an image of ${image} that others made`
    }),

  'opens ports on loopback only, and only those for people': (file) =>
    each(entries(file), ({ ports = [] }, name) => {
      const port = FOR_PEOPLE[name]
      const expected = port === undefined ? '' : `127.0.0.1:${port}:${port}`
      return ports.join() === expected ? undefined : `opens ${ports.join(', ') || 'nothing'}`
    }),

  'lets only what is for people out of the inner network': (file) => [
    ...each(entries(file), ({ networks = [] }, name) =>
      networks.join() === (name in FOR_PEOPLE ? 'inside,edge' : 'inside')
        ? undefined
        : `is in ${networks.join() || 'the default network'}`,
    ),
    ...(file.networks['inside']?.internal === true ? [] : ['the inner network leads out']),
  ],

  'runs our processes without privileges, on a file system they cannot write': (file) =>
    each(ours(file), (service) => {
      const { read_only: readOnly, cap_drop: dropped, security_opt: options } = service
      if (readOnly !== true) return 'may write its file system'
      if (dropped?.join() !== 'ALL') return 'keeps capabilities'
      if (options?.includes('no-new-privileges:true') !== true) return 'may gain privileges'
      return service.privileged === true || service.user !== undefined
        ? 'runs as another'
        : undefined
    }),

  'gives each process what it reads, and nothing else': (file) =>
    ours(file).flatMap(([name, { environment = {} }]) =>
      environmentFaults(name, { NODE_ENV: 'production', ...environment }),
    ),

  'has each process listen where it is documented': (file) =>
    each(ours(file), ({ environment }, name) => {
      const documented = (PROCESS_PORTS as Readonly<Record<string, number>>)[name]
      const given = environment?.['PORT']
      return documented === undefined || given === String(documented) ? undefined : `is on ${given}`
    }),

  'hands out each secret to whoever names it, and writes none down': (file, text) => [
    ...entries(file).flatMap(([name, service]) => secretFaults(file, name, service)),
    ...Object.entries(file.secrets)
      .filter(([name]) => !entries(file).some(([, { secrets }]) => secrets?.includes(name)))
      .map(([name]) => `nobody uses the secret ${name}`),
    ...[...text.matchAll(/^.*(password|secret|token|jwk|_key)\w*['"]?: *['"]?[\w$-]{12,}.*$/gim)]
      .map(([line]) => line.trim())
      .filter((line) => !/\/run\/secrets\/|\$\{PAYFLOW_SECRETS/.test(line))
      .map((line) => `a secret is written down: ${line}`),
  ],

  'asks each service for its health, and waits for it': (file) => [
    ...each(entries(file), ({ healthcheck, restart }) => {
      const { disable = false, test } = healthcheck ?? {}
      return restart === 'no' || (!disable && test !== undefined) ? undefined : 'has no check'
    }),
    ...entries(file).flatMap(([name, { depends_on: needs = {} }]) =>
      Object.entries(needs)
        .filter(([, { condition }]) => condition === 'service_started')
        .map(([other]) => `${name} does not wait until ${other} is ready`),
    ),
  ],

  'gives every process longer to stop than it takes': (file) =>
    each(ours(file), ({ stop_grace_period: grace = '10s', environment, restart }) => {
      const deadlineMs = Number(environment?.['SHUTDOWN_DEADLINE_MS'] ?? 20_000)
      return restart === 'no' || durationMs(grace) > deadlineMs ? undefined : `has only ${grace}`
    }),

  'starts monitoring only for whoever asks for it, and nothing waits for it': (file) =>
    entries(file).flatMap(([name, { profiles = [], depends_on: needs = {}, volumes = [] }]) => {
      const isMonitoring = MONITORING.includes(name)
      const expected = isMonitoring ? 'monitoring' : ''
      const waitsFor = Object.keys(needs).filter((other) => MONITORING.includes(other))
      return [
        ...(profiles.join() === expected ? [] : [`${name} is started with ${profiles.join()}`]),
        ...(isMonitoring ? [] : waitsFor.map((other) => `${name} waits for ${other}`)),
        // Whoever has the socket of Docker is root of this machine.
        ...(volumes.some((one) => one.includes('docker.sock')) ? [`${name} has the socket`] : []),
      ]
    }),

  'lets whoever looks at Grafana ask the logs, and administer nothing': (file) => {
    const role = file.services['grafana']?.environment?.['GF_AUTH_ANONYMOUS_ORG_ROLE']
    // A viewer has no Explore, where queries are typed; an admin could add data sources.
    return role === 'Editor' ? [] : [`whoever looks at Grafana is ${role}`]
  },

  'keeps what the servers have written': (file) => [
    ...each(
      entries(file).filter(([, { build }]) => build === undefined),
      ({ volumes = [] }) =>
        volumes.some((volume) => (volume.split(':', 1)[0] ?? '') in file.volumes)
          ? undefined
          : 'forgets its data',
    ),
    ...redisFaults(file.services['redis']),
  ],
}

function secretFaults(file: ComposeFile, name: string, service: ComposeService): string[] {
  const { secrets = [], environment = {}, command = [], healthcheck } = service
  const texts = [...Object.values(environment), ...command, ...(healthcheck?.test ?? [])]
  const used = texts.flatMap((text) =>
    [...String(text).matchAll(/\/run\/secrets\/([\w.-]+)/g)].map(([, secret = '']) => secret),
  )
  return [
    ...used.filter((one) => !secrets.includes(one)).map((one) => `${name} is not given ${one}`),
    ...secrets.filter((one) => !used.includes(one)).map((one) => `${name} does not use ${one}`),
    ...secrets.filter((one) => !(one in file.secrets)).map((one) => `${one} has no file`),
  ]
}

function redisFaults(redis: ComposeService | undefined): string[] {
  const command = redis?.command?.join(' ') ?? ''
  return ['--appendonly yes', '--maxmemory-policy noeviction']
    .filter((setting) => !command.includes(setting))
    .map((setting) => `redis runs without ${setting}`)
}
