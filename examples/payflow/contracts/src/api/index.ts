/**
 * The public API as a table: what the gateway mounts and the OpenAPI document says.
 *
 * @packageDocumentation
 */
export {
  type ApiAccess,
  type ApiRateLimit,
  type ApiRoute,
  type ApiSuccess,
  type ApiTag,
} from './api-route.ts'
export { openApiDocument, type OpenApiDocument } from './openapi.ts'
export { problemsOf } from './problems-of.ts'
export { API_OPERATIONS, API_ROUTES, apiRoute, type ApiOperation } from './routes.ts'
