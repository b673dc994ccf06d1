import {
  amqpUrlVariable,
  httpUrlVariable,
  portVariable,
  postgresUrlVariable,
} from '@payflow-app/service-kit'

/** What notification-service reads from the environment. */
export const notificationVariables = {
  PORT: portVariable.default(3003),
  DATABASE_URL: postgresUrlVariable,
  RABBITMQ_URL: amqpUrlVariable,
  /** Where auth-service publishes the keys of access tokens. */
  JWKS_URL: httpUrlVariable,
}
