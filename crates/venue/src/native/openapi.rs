//! `/openapi.json`: the interface as `OpenAPI` 3.1, from the table and the types of its requests.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
    PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApiBuilder, Ref, RefOr, Required};
use utoipa::{PartialSchema, ToSchema};

use super::auth;
use super::scalar::{
    IntervalText, ListIdText, OrderIdText, OrderScopeText, SideScopeText, SymbolText, TimeText,
};
use super::table::{Access, ENDPOINTS, Endpoint, Schemas, Shape};
use crate::problem::ProblemAnswer;

/// What every refusal is told as.
const PROBLEM_JSON: &str = "application/problem+json";

const DESCRIPTION: &str = "\
The native interface of a Tiercel venue. Decimals, ids of orders and lists and times are strings; \
times are nanoseconds since the epoch. Every refusal is a problem (RFC 9457) with a stable `code` and \
the `field` at fault. docs/native-api.md of the repository has worked examples, and describes the \
WebSocket at /api/v1/stream.";

/// The description of the whole interface, as JSON.
pub fn openapi_json() -> String {
    let mut schemas: Schemas = vec![("Problem".to_owned(), ProblemAnswer::schema())];
    ProblemAnswer::schemas(&mut schemas);
    // What parameters refer to.
    schemas.extend([
        ("SymbolText".to_owned(), SymbolText::schema()),
        ("OrderIdText".to_owned(), OrderIdText::schema()),
        ("TimeText".to_owned(), TimeText::schema()),
        ("IntervalText".to_owned(), IntervalText::schema()),
        ("OrderScopeText".to_owned(), OrderScopeText::schema()),
        ("SideScopeText".to_owned(), SideScopeText::schema()),
    ]);
    let mut paths = PathsBuilder::new();
    for endpoint in ENDPOINTS {
        let operation = (endpoint.document)(endpoint, &mut schemas);
        paths = paths.path(endpoint.path, PathItem::new(method(endpoint.method), operation));
    }
    let mut components = ComponentsBuilder::new();
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    for (scheme, header, description) in SCHEMES {
        let value = ApiKeyValue::with_description(header, description);
        components =
            components.security_scheme(scheme, SecurityScheme::ApiKey(ApiKey::Header(value)));
    }
    let info = InfoBuilder::new()
        .title("Tiercel")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION));
    let document =
        OpenApiBuilder::new().info(info.build()).paths(paths).components(Some(components.build()));
    // Texts and lists of them: they can always be written.
    document.build().to_json().unwrap_or_default()
}

/// The headers of a signed request: all of them together.
const SCHEMES: [(&str, &str, &str); 3] = [
    ("key", "Tiercel-Key", "The API key."),
    ("timestamp", "Tiercel-Timestamp", "Milliseconds since the epoch."),
    (
        "signature",
        "Tiercel-Signature",
        "HMAC-SHA256 (hexadecimal) or Ed25519 (base64) of timestamp, window, method, path with query, \
         and body, with line feeds between them.",
    ),
];

fn method(method: &str) -> HttpMethod {
    match method {
        "POST" => HttpMethod::Post,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

/// Documents a request.
pub(super) fn operation(endpoint: &Endpoint, shape: Shape) -> Operation {
    let Shape { query, body, answer } = shape;
    let mut operation = OperationBuilder::new()
        .operation_id(Some(endpoint.name))
        .summary(Some(endpoint.summary))
        .tag(match endpoint.access {
            Access::Public => "market",
            Access::Read => "account",
            Access::Trade => "trading",
        });
    for place in endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')) {
        operation = operation.parameter(path_parameter(place.trim_end_matches('}')));
    }
    for parameter in query {
        operation = operation.parameter(parameter);
    }
    if let Some(body) = body {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(body))).build();
        let body = RequestBodyBuilder::new().content("application/json", content);
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    if endpoint.access != Access::Public {
        let mut all = SecurityRequirement::default();
        for (scheme, ..) in SCHEMES {
            all = all.add(scheme, Vec::<String>::new());
        }
        operation = operation.security(all).parameter(window());
    }
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(answer))).build();
    let good = ResponseBuilder::new().description("Done.").content("application/json", content);
    let mut responses = ResponsesBuilder::new().response("200", limited(good).build());
    for (status, description) in refusals(endpoint.access) {
        responses = responses.response(status, refusal(status, description));
    }
    operation.responses(responses.build()).build()
}

fn path_parameter(name: &str) -> Parameter {
    let parameter =
        ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    let (schema, description) = match name {
        "symbol" => (SymbolText::schema(), "The instrument's symbol."),
        "list_id" => (ListIdText::schema(), "The list's id."),
        _ => (
            RefOr::T(
                ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::String))
                    .pattern(Some("^([0-9]{1,20}|client:[ -~]{1,36})$"))
                    .examples(["17", "client:my-order-1"])
                    .into(),
            ),
            "The order's id; or `client:` and its client order id.",
        ),
    };
    parameter.schema(Some(schema)).description(Some(description)).build()
}

fn window() -> Parameter {
    let milliseconds = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .minimum(Some(1))
        .maximum(Some(auth::WINDOW_MAX_MS as f64));
    ParameterBuilder::new()
        .name("Tiercel-Window")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .schema(Some(milliseconds))
        .description(Some("Milliseconds that the request is good for; 5000 unless said. Signed."))
        .build()
}

/// With the headers by which clients see how much they may still ask.
fn limited(response: ResponseBuilder) -> ResponseBuilder {
    let header = |description: &str| -> Header {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        HeaderBuilder::new().schema(Some(text)).description(Some(description)).build()
    };
    response
        .header("RateLimit-Policy", header("Request weight of an address in a minute."))
        .header("RateLimit", header("What of it is left, and for how many seconds."))
}

fn refusal(status: &str, description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(description).content(PROBLEM_JSON, content);
    let mut response = limited(response);
    if matches!(status, "429" | "503") {
        let seconds = ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer));
        let header = HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some("After how many seconds it may be tried again."));
        response = response.header("Retry-After", header.build());
    }
    response.build()
}

/// The refusals of a request.
fn refusals(access: Access) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![
        ("400", "A field is missing, unknown, or not what it has to be."),
        ("404", "No such instrument, order or list."),
        ("405", "The path does not have this method; Allow names those that it has."),
        ("408", "The body did not come in time: nothing was done."),
        ("413", "The body is too long."),
        ("415", "The body is not declared as application/json."),
        ("429", "Too much was asked, or too many orders were placed."),
        ("500", "A fault of the venue."),
        ("503", "The venue is busy, stops, or has failed: nothing was taken."),
        ("504", "No answer came in time: the outcome is unknown."),
    ];
    if access != Access::Public {
        all.push(("401", "The request is not signed as it has to be."));
        all.push(("403", "The key may not do this."));
    }
    if access == Access::Trade {
        all.push(("409", "It is there already, on its way, or over."));
        all.push(("422", "The engine denied it."));
    }
    all.sort_unstable();
    all
}
