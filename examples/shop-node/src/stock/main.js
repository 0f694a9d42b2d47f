/** The stock service: reserves and releases what lies on the shelves. */
import { connect } from '../database.js';
import { serve } from '../http.js';
import { endOnSignal, listening, needed } from '../settings.js';
import { Reservations } from './reservations.js';
import { routes } from './routes.js';

const pool = connect(needed('DATABASE_URL'));
const server = serve({ routes: routes(new Reservations(pool)), ...listening() });
endOnSignal(server, pool);
