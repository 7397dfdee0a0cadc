//! Dictionaries in `QuickFIX`'s XML format: `fix`, and in it `header`, `trailer`, `messages`,
//! `components`, `fields`.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};
use thiserror::Error;

use super::{DataType, Dictionary, FieldDefinition, Group, MEMBERS_MAX, Member, Members, Values};
use crate::fix::tag::{self, Tag};

/// How deep components and groups may lie in each other: one that holds itself has no end.
const DEPTH_MAX: usize = 16;

/// Why a text is no dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum XmlError {
    /// It is no XML.
    #[error("{0}")]
    Syntax(String),
    /// An element is missing, or something of one.
    #[error("line {line}: {what}")]
    Element {
        /// Where, from 1.
        line: u32,
        /// What is wrong.
        what: String,
    },
}

type Node1<'a> = Node<'a, 'a>;

fn error(node: Node1<'_>, what: impl Into<String>) -> XmlError {
    let line = node.document().text_pos_at(node.range().start).row;
    XmlError::Element { line, what: what.into() }
}

fn child<'a>(node: Node1<'a>, name: &str) -> Result<Node1<'a>, XmlError> {
    let mut found = node.children().filter(|child| child.has_tag_name(name));
    found.next().ok_or_else(|| error(node, format!("there is no `{name}`")))
}

fn attribute<'a>(node: Node1<'a>, name: &str) -> Result<&'a str, XmlError> {
    let kind = node.tag_name().name();
    node.attribute(name).ok_or_else(|| error(node, format!("`{kind}` without `{name}`")))
}

/// Elements of that name, directly below.
fn below<'a>(node: Node1<'a>, name: &'a str) -> impl Iterator<Item = Node1<'a>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

pub(super) fn read(text: &str) -> Result<Dictionary, XmlError> {
    let document = Document::parse(text).map_err(|error| XmlError::Syntax(error.to_string()))?;
    let root = document.root_element();
    if !root.has_tag_name("fix") {
        return Err(error(root, "the root is not `fix`"));
    }
    let mut names = Names::default();
    let mut fields = Vec::new();
    for node in below(child(root, "fields")?, "field") {
        let field = definition(node)?;
        if names.tags.insert(attribute(node, "name")?, field.tag).is_some() {
            return Err(error(node, format!("a second field {}", attribute(node, "name")?)));
        }
        fields.push(field);
    }
    if let Ok(components) = child(root, "components") {
        for node in below(components, "component") {
            names.components.insert(attribute(node, "name")?, node);
        }
    }
    let mut messages = Vec::new();
    for node in below(child(root, "messages")?, "message") {
        let name = attribute(node, "msgtype")?.as_bytes().into();
        messages.push((name, names.members(node, 0)?));
    }
    let header = names.members(child(root, "header")?, 0)?;
    let trailer = names.members(child(root, "trailer")?, 0)?;
    Ok(Dictionary::of(fields, [header, trailer], messages))
}

fn definition(node: Node1<'_>) -> Result<FieldDefinition, XmlError> {
    let number = attribute(node, "number")?;
    let number = number.parse().map_err(|_| error(node, format!("{number} is no tag")))?;
    let values = below(node, "value")
        .map(|value| attribute(value, "enum").map(|text| text.as_bytes().into()))
        .collect::<Result<_, _>>()?;
    let values = Values::of(values);
    let data_type = match attribute(node, "type")? {
        "MULTIPLEVALUESTRING" | "MULTIPLESTRINGVALUE" | "MULTIPLECHARVALUE" => {
            DataType::MultipleValues
        }
        "CHAR" => DataType::Character,
        "BOOLEAN" => DataType::Boolean,
        "INT" | "DAYOFMONTH" => DataType::Integer,
        "SEQNUM" | "LENGTH" | "NUMINGROUP" => DataType::Unsigned,
        "FLOAT" | "PRICE" | "PRICEOFFSET" | "QTY" | "AMT" | "PERCENTAGE" => DataType::Decimal,
        "UTCTIMESTAMP" => DataType::Timestamp,
        "UTCTIMEONLY" => DataType::TimeOnly,
        "UTCDATEONLY" | "UTCDATE" | "LOCALMKTDATE" => DataType::Date,
        // Texts, codes of countries and currencies, months, data, and what later versions add.
        _ => DataType::Text,
    };
    Ok(FieldDefinition { tag: Tag(number), data_type, values })
}

/// What elements refer to by name.
#[derive(Default)]
struct Names<'a> {
    tags: BTreeMap<&'a str, Tag>,
    components: BTreeMap<&'a str, Node1<'a>>,
}

impl<'a> Names<'a> {
    fn tag(&self, node: Node1<'a>) -> Result<Tag, XmlError> {
        let name = attribute(node, "name")?;
        self.tags.get(name).copied().ok_or_else(|| error(node, format!("no field {name}")))
    }

    fn members(&self, node: Node1<'a>, depth: usize) -> Result<Members, XmlError> {
        let mut members = Vec::new();
        self.add(node, true, depth, &mut members)?;
        let members = Members::of(members);
        if members.all.len() > MEMBERS_MAX {
            return Err(error(node, format!("more than {MEMBERS_MAX} fields")));
        }
        Ok(members)
    }

    /// Adds what stands below `node`. What is required of a component that is not, is not.
    fn add(
        &self,
        node: Node1<'a>,
        whole: bool,
        depth: usize,
        members: &mut Vec<Member>,
    ) -> Result<(), XmlError> {
        if depth > DEPTH_MAX {
            return Err(error(node, "components and groups lie too deep in each other"));
        }
        for part in node.children().filter(Node::is_element) {
            let required = whole && part.attribute("required") == Some("Y");
            match part.tag_name().name() {
                "field" => {
                    let tag = self.tag(part)?;
                    // Those frame the message, and are none of its fields here.
                    if ![tag::BEGIN_STRING, tag::BODY_LENGTH, tag::CHECK_SUM].contains(&tag) {
                        members.push(Member { tag, required, group: None });
                    }
                }
                "group" => {
                    let inside = self.members(part, depth + 1)?;
                    let first = self.first(part, depth)?;
                    let group = Some(Group { first, members: inside });
                    members.push(Member { tag: self.tag(part)?, required, group });
                }
                "component" => {
                    let name = attribute(part, "name")?;
                    let component = self.components.get(name);
                    let component =
                        component.ok_or_else(|| error(part, format!("no component {name}")))?;
                    self.add(*component, required, depth + 1, members)?;
                }
                other => return Err(error(part, format!("`{other}` does not belong here"))),
            }
        }
        Ok(())
    }

    /// The field that a group's entries begin with.
    fn first(&self, node: Node1<'a>, depth: usize) -> Result<Tag, XmlError> {
        let Some(part) = node.children().find(Node::is_element) else {
            return Err(error(node, "a group without fields"));
        };
        if depth > DEPTH_MAX || !part.has_tag_name("component") {
            return self.tag(part);
        }
        let name = attribute(part, "name")?;
        let component = self.components.get(name);
        self.first(
            *component.ok_or_else(|| error(part, format!("no component {name}")))?,
            depth + 1,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<fix major='4' minor='4'>
<header><field name='MsgType' required='Y'/></header>
<trailer><field name='CheckSum' required='Y'/></trailer>
<messages><message name='M' msgtype='M' msgcat='app'>
<component name='Part' required='N'/>
</message></messages>
<components><component name='Part'><field name='Side' required='Y'/>
<group name='NoThings' required='N'><component name='Thing' required='Y'/></group></component>
<component name='Thing'><field name='Name' required='Y'/></component></components>
<fields><field number='35' name='MsgType' type='STRING'/><field number='10' name='CheckSum' type='STRING'/>
<field number='54' name='Side' type='CHAR'><value enum='1' description='BUY'/></field>
<field number='73' name='NoThings' type='NUMINGROUP'/><field number='6000' name='Name' type='STRING'/>
</fields></fix>";

    #[test]
    fn components_and_groups_become_members() {
        let dictionary = read(GOOD).unwrap();
        assert_eq!(dictionary.trailer.all.len(), 0);
        let members = dictionary.message(b"M").unwrap();
        let listed = |member: &Member| (member.tag.0, member.required, member.group.is_some());
        let listed: Vec<_> = members.all.iter().map(listed).collect();
        assert_eq!(listed, [(54, false, false), (73, false, true)]);
        let group = members.group(1).unwrap();
        assert_eq!((group.first, group.members.all[0].required), (Tag(6000), true));
    }

    #[test]
    fn mistakes_have_their_line() {
        let told = |from: &str, to: &str| read(&GOOD.replace(from, to)).unwrap_err().to_string();
        assert_eq!(told("name='Side' required", "name='Sid' required"), "line 7: no field Sid");
        assert_eq!(told("name='Part' required", "name='Pa' required"), "line 5: no component Pa");
        assert_eq!(told("number='54'", "number='x'"), "line 11: x is no tag");
        assert_eq!(told(" number='54'", ""), "line 11: `field` without `number`");
        assert_eq!(
            told("name='Thing' required", "name='Part' required"),
            "line 7: components and groups lie too deep in each other"
        );
        assert_eq!(
            told("number='73' name='NoThings'", "number='73' name='Side'"),
            "line 12: a second field Side"
        );
        assert!(told("<fix major", "<fax major").contains("expected"));
        assert!(read("<fix/>").unwrap_err().to_string().contains("there is no `fields`"));
        assert!(read("<html/>").unwrap_err().to_string().contains("not `fix`"));
    }
}
