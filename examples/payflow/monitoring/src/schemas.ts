import { z } from 'zod'

/*
 * What of Loki's and Grafana's configuration is used here, strictly. Neither can be run on a machine
 * without containers; a misspelt key, which both refuse at their start, is noticed all the same.
 */

const duration = z.string().regex(/^\d+[smhd]$/)
const path = z.string().startsWith('/')

/** https://grafana.com/docs/loki/latest/configure/ */
export const lokiConfig = z.strictObject({
  auth_enabled: z.literal(false),
  server: z.strictObject({
    http_listen_port: z.literal(3100),
    log_level: z.enum(['debug', 'info', 'warn', 'error']),
  }),
  common: z.strictObject({
    instance_addr: z.ipv4(),
    path_prefix: path,
    replication_factor: z.literal(1),
    ring: z.strictObject({ kvstore: z.strictObject({ store: z.literal('inmemory') }) }),
    storage: z.strictObject({
      filesystem: z.strictObject({ chunks_directory: path, rules_directory: path }),
    }),
  }),
  schema_config: z.strictObject({
    configs: z
      .array(
        z.strictObject({
          from: z.iso.date(),
          store: z.literal('tsdb'),
          object_store: z.literal('filesystem'),
          schema: z.literal('v13'),
          // The only period that tsdb allows.
          index: z.strictObject({ prefix: z.string(), period: z.literal('24h') }),
        }),
      )
      .min(1),
  }),
  limits_config: z.strictObject({ retention_period: duration }),
  compactor: z.strictObject({
    working_directory: path,
    retention_enabled: z.boolean(),
    // Asked for since 3.0 wherever there is a retention.
    delete_request_store: z.literal('filesystem'),
  }),
  analytics: z.strictObject({ reporting_enabled: z.literal(false) }),
})

/** https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources */
export const datasources = z.strictObject({
  apiVersion: z.literal(1),
  datasources: z.array(
    z.strictObject({
      name: z.string(),
      uid: z.string(),
      type: z.enum(['prometheus', 'loki']),
      access: z.literal('proxy'),
      url: z.url(),
      isDefault: z.boolean().optional(),
      jsonData: z
        .strictObject({ timeInterval: duration, httpMethod: z.enum(['GET', 'POST']) })
        .optional(),
    }),
  ),
})

/** https://grafana.com/docs/grafana/latest/administration/provisioning/#dashboards */
export const dashboardProviders = z.strictObject({
  apiVersion: z.literal(1),
  providers: z.array(
    z.strictObject({
      name: z.string(),
      folder: z.string(),
      type: z.literal('file'),
      allowUiUpdates: z.boolean(),
      options: z.strictObject({ path }),
    }),
  ),
})
